"""The SQL of annotations; all of it limited to one user."""

from typing import LiteralString

# The column says whose document it is; rows of older clients say it only in their data.
ANCHORS: LiteralString = """
select p.entity_id, p.data as position, p.chunk_id, p.chunk_ids, p.original_chunk_index,
       p.recovery_method, p.recovery_confidence, p.needs_review,
       (select jsonb_build_object('chunkId', r.chunk_id, 'chunkIds', r.chunk_ids)
               || jsonb_strip_nulls(coalesce(r.data, '{}'))
        from components r
        where r.entity_id = p.entity_id and r.component_type = 'ChunkRef'
        order by r.id limit 1) as chunk_ref
from components p join entities e on e.id = p.entity_id
where e.user_id = %(user)s and p.component_type = 'Position'
  and (p.document_id = %(document)s
       or (p.document_id is null and %(document)s::text in
           (p.data ->> 'documentId', p.data ->> 'document_id')))
order by p.entity_id, p.id desc
for update of p
"""

CHUNKS: LiteralString = """
select c.id, c.chunk_index, c.start_offset, c.end_offset, c.content
from chunks c join documents d on d.id = c.document_id
where c.document_id = %(document)s and d.user_id = %(user)s and c.is_current
order by c.chunk_index
"""

# A chunk that is gone meanwhile is not pointed to: the column is a foreign key.
MOVE: LiteralString = """
update components c
set data = coalesce(c.data, '{}') || case c.component_type
        when 'Position' then %(position)s::jsonb else %(chunk_ref)s::jsonb end,
    chunk_id = (select k.id from chunks k
                where k.id = %(chunk)s::uuid and k.document_id = %(document)s),
    chunk_ids = %(chunks)s::uuid[],
    original_chunk_index = %(index)s,
    recovery_method = case c.component_type
        when 'Position' then %(method)s else c.recovery_method end,
    recovery_confidence = case c.component_type
        when 'Position' then %(confidence)s else c.recovery_confidence end,
    needs_review = case c.component_type
        when 'Position' then %(review)s else c.needs_review end
from entities e
where c.entity_id = %(entity)s and e.id = c.entity_id and e.user_id = %(user)s
  and c.component_type in ('Position', 'ChunkRef')
  and (c.document_id = %(document)s or c.document_id is null)
"""

LOSE: LiteralString = """
update components c
set recovery_method = %(method)s, recovery_confidence = %(confidence)s, needs_review = %(review)s
from entities e
where c.entity_id = %(entity)s and e.id = c.entity_id and e.user_id = %(user)s
  and c.component_type = 'Position'
  and (c.document_id = %(document)s or c.document_id is null)
"""

POINT_AGAIN: LiteralString = """
update components c set chunk_id = k.id
from unnest(%(entities)s::uuid[], %(chunks)s::uuid[]) as pointed (entity, chunk)
join entities e on e.id = pointed.entity and e.user_id = %(user)s
join chunks k on k.id = pointed.chunk and k.document_id = %(document)s
where c.entity_id = e.id and c.component_type in ('Position', 'ChunkRef')
  and c.chunk_id is null and c.chunk_ids is not null
"""

# The other components point to a chunk too, if whoever wrote them wished it.
POINTING: LiteralString = """
select c.id from components c join entities e on e.id = c.entity_id
where e.user_id = %(user)s and c.entity_id = any(%(entities)s)
  and c.component_type not in ('Position', 'ChunkRef') and c.chunk_id is not null
  and (c.document_id = %(document)s or c.document_id is null)
for update of c
"""

FOLLOW: LiteralString = """
update components c
set chunk_id = p.chunk_id,
    chunk_ids = case when c.chunk_ids is null then null else p.chunk_ids end
from components p
where c.id = any(%(pointing)s) and p.entity_id = c.entity_id and p.component_type = 'Position'
  and (p.document_id = %(document)s or p.document_id is null) and p.chunk_id is not null
  and (c.chunk_id is distinct from p.chunk_id
       or c.chunk_ids is not null and c.chunk_ids is distinct from p.chunk_ids)
"""
