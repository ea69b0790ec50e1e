"""Words to network classes: the grammar of phrases and the vocabulary."""
