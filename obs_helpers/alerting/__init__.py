"""From a condition to a person: rules, notifications, incidents."""
