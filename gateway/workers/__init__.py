"""Several processes that run one gateway, and the one that keeps them.

`Fleet` is the parent: it holds the wanted subscriptions, Secrets and endpoints, the front door's
sockets, the admin server and the sum of all books. `worker` is the child: a gateway that is told
what to run. They speak over a socket pair that nobody else can reach.
"""
