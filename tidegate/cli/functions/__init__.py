"""`tidegate function`: deploy, update, call, delete, describe, list, logs, top; init and test."""
