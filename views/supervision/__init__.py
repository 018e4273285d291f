"""The supervision map: every process and thread as a row of a tree, coloured by how hot it is."""
