"""Motion of the picture: optical flow, cameras, cuts, and masks carried along."""
