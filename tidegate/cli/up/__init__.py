"""`tidegate up`: the gateway, the functions and a broker in one process, from files."""
