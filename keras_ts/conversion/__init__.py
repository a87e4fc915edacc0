"""Models in other forms: of stock layers alone, and out of old files with Lambdas."""
