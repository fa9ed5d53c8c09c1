"""The database of OAR 2.5 as it is: no column, view or index of ours."""
