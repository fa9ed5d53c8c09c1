"""Programs sent to the nodes, one self-contained file each; read as data, never imported."""
