"""Views of orders and executions."""
