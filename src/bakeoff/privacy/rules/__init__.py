"""What each type of layer needs for private training: norms of each record's gradient, and weighted sums of them."""
