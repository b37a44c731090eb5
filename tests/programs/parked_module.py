"""A module whose import never ends."""
import parking

parking.park()
