"""Programs sent to the nodes, each with the parts it imports; read as data, never imported by us."""
