"""The relay and Kafka."""
