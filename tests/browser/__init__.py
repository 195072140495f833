"""Tests in a real browser: JupyterLab with the course's notebooks in it."""
