"""Graph-augmented protein modelling."""
