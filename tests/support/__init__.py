"""What tests share: values, a recording intake, and ways to wait."""
