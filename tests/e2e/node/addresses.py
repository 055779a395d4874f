"""Where the node is: networks of its own, behind one pair of virtual cables."""

NAME = "tidegate-node"
"""Of the node, of its network namespace and of its cgroups."""

CABLE = "tidegate0"
"""The machine's end of the cable; the node's end is its eth0."""

MACHINE = "10.99.0.1"
NODE = "10.99.0.2"
SERVER = f"https://{NODE}:6443"
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"
SERVICE = "10.96.0.1"
"""The API server's, as pods see it."""

DNS = "10.96.0.10"
"""As in dns.yaml."""

RESOLVER = "10.0.2.3"
"""Of names outside of the cluster: what slirp4netns gives a network, as dns.yaml has it."""
