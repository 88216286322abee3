"""The axes of unlearning: one folder per axis, one small file per part; methods compose them."""
