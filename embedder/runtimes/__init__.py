"""What multiplies the matrices: one port, and a module for each library behind it."""
