"""What a cluster is told: definitions, rights, Deployments. A package: the wheel has them so."""
