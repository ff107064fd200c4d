# Prod in the other region: given after prod.tfvars.
region = "eu-west-1"
