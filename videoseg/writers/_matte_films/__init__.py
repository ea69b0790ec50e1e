"""What writers of films of mattes share: their pictures, and one file for each object."""
