"""How things look: colours, fonts, paths, legends, pictures. Qt, but no view of its own."""
