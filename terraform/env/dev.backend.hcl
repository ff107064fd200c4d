bucket = "bbws-terraform-state-dev"
region = "af-south-1"
