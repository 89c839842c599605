"""The online microservice: towers, histories, item log, recommender, HTTP. Never torch."""
