raise ArgumentError, "the reason"
