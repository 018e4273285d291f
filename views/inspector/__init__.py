"""The inspector: everything known about what is selected, at the cursor's moment."""
