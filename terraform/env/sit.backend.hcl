bucket = "bbws-terraform-state-sit"
region = "af-south-1"
