"""Views, their runner and their laws."""
