# Prod in the fail-over region: pass this file after prod.tfvars.
region = "eu-west-1"
