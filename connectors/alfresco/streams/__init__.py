"""An Alfresco source as streams of changes: walks of its trees, readings of its index, looks at single nodes."""
