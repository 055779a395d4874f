"""A Kubernetes cluster of one node from its parts, for tests/e2e: kubelet, containers, network.

Everything runs below one process in namespaces of its own: end that, and nothing is left but a few
empty cgroups and files, which `down` removes. It needs Linux, root, and Debian's packages that
`programs.PACKAGES` names; no registry of images is asked.
"""
