"""The leak audit: does any stage of a pipeline know what it could not have known?"""
