"""c"""

Client = AsyncClient = None
