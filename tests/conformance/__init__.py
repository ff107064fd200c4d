"""What the service uses of AWS, call by call, with the answer that AWS documents, tried on every engine."""
