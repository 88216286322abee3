"""Records: their contract, and how they are read, checked and written."""
