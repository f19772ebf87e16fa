"""What benchmarks run in a process of its own, each printing one JSON object."""
