"""OAR, a batch scheduler for computing clusters."""
