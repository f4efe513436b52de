"""What a table's owner gets after a run: headroom, learning curve, doubtful labels, slices where entries differ."""
