"""What OAR says to submitters of reservations; tools know these words."""

EXPIRED = "Reservation expired and couldn't be started."
RENEWED = "Renewed resources for reservation"
