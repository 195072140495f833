"""What redaction looks for: shapes of text, and the names and phrases that announce a value."""
