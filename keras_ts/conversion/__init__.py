"""Opens old files with Lambdas."""
