"""Other formats: weights of other libraries into our networks, our models into the formats of other runtimes."""
