"""What writers of mattes share: names and numbers of files, threads, and the picture cut out."""
