"""The HTTP server around the routes: the application, its errors and headers, probes, and the socket it listens on."""
