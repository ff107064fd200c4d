bucket = "bbws-terraform-state-local"
region = "af-south-1"
