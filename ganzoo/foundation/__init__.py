"""What all other rooms stand on: names, hyper-parameters, randomness, schedules."""
