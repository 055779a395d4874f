"""What a cluster is told: definitions, rights, Deployments. A package so that the wheel has them."""
