"""Running programs on nodes through ssh and TakTuk."""
