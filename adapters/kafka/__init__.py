"""Kafka: the relay publishes to it, workers read from it."""
