# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""How members are held, served and lent, and what volumes they have

Revision ID: 0003
Revises: 0002
"""

from alembic import op
import sqlalchemy as sa

from shadow_reserve.db import types


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('shadow_instances') as table:
        table.add_column(sa.Column(
            'tier', sa.String(length=64), nullable=False,
            server_default='shelved'))
        table.add_column(sa.Column(
            'uses', sa.Integer(), nullable=False, server_default='0'))
        table.add_column(sa.Column(
            'template_key', sa.String(length=64), nullable=False,
            server_default=''))
        table.add_column(sa.Column(
            'lent_at', types.UtcDateTime(), nullable=True))
        table.add_column(sa.Column('slot', types.Json(), nullable=True))
        # nova-scheduler asks for those that are promoting all the time.
        table.create_index('ix_shadow_instances_state', ['state'])
    op.create_table(
        'shadow_volumes',
        sa.Column('instance_id', sa.String(length=36), nullable=False),
        sa.Column('position', sa.Integer(), autoincrement=False,
                  nullable=False),
        sa.Column('volume_id', sa.String(length=36), nullable=True),
        sa.Column('state', sa.String(length=64), nullable=False),
        sa.Column('since', types.UtcDateTime(), nullable=False),
        sa.Column('asked_at', types.UtcDateTime(), nullable=True),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ['instance_id'], ['shadow_instances.instance_id']),
        sa.PrimaryKeyConstraint('instance_id', 'position'),
        sa.UniqueConstraint('volume_id'),
        mysql_charset='utf8mb4', mysql_engine='InnoDB')
