"""Arrays in, arrays out: the numerical kernels, which know nothing of tensors or of the tape."""
