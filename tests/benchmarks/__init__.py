"""What it costs: the workloads of the design, measured beside pgbench and the first design in the same run."""
