bucket = "bbws-terraform-state-prod"
region = "af-south-1"
